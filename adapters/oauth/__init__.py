"""The gateway as an OAuth 2.0 client: what it asks of authorization servers, and the tokens that it fetches itself."""

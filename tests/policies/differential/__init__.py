"""The differential: our decisions against the official Cedar WASM, which gets the whole policy text, unsliced."""

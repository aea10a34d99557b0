"""How a gateway is: its checks, and what load balancers and clusters read of them."""

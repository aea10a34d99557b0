"""The gateway's owner: the admin socket, its client, the doctor."""

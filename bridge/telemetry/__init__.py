"""What the bridge tells about itself, without telling a secret."""

"""What the services need from the world, one Protocol a file, each with its contract; adapters stand beside."""

"""What fills the ports: a folder for each port, a module for each backend, and a fake that keeps the same contract."""

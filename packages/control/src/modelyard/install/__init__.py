"""Making the image of Modelyard itself. Its command imports the composition root only when it runs."""

"""Where service URLs of APIs lead."""

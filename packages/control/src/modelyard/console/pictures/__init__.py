"""Pictures of pages, drawn as SVG on the server: they need no script, and are part of the page's text."""

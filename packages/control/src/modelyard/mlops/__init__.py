"""The surface `/mlops` over the nouns: management only; no model is ever loaded here."""

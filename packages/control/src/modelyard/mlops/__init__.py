"""The surface `/mlops` (contract section 2) over the nouns: management only; no model is ever loaded here."""

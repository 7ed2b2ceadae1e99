"""The surface `/api/v1/modelserving`: Models and ModelVersions, over the nouns that own them."""

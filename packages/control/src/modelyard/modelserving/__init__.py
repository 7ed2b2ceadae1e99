"""The surface `/api/v1/modelserving` (contract section 4): Models and ModelVersions, over the nouns that own them."""

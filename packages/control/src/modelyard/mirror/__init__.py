"""Our registry shown in the tracker's, kept equal to our tables, and what people register there without us."""

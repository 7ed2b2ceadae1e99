"""What a search looks up: rows and bitmaps, written in the transaction of what they describe."""

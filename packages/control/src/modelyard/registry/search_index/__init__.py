"""What a search looks up: rows and sets of numbers, written in the transaction of what they tell of."""

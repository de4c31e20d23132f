"""The site and its decks, made from slides/, docs/, notebooks/ and the parts."""

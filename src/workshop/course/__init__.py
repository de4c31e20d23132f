"""The course: slides read into steps and hints, the learner's verbs, the site and its decks, the notebooks."""

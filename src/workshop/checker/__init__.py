"""Run cases on a plugin, tell listeners the results, say why one fails. The cases: the steps, and the suite's rules."""

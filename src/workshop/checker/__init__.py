"""Run cases on a plugin, report the results, say why one fails. The cases: the steps, and the conformance suite."""

"""The conformance suite: what any Docker volume plugin, in any language, can be checked for. Each test is one rule."""

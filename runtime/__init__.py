"""The composition root: settings to live objects, each made once and closed in order. No rules, no use cases."""

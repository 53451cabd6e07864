"""The HTTP door: routes translate a request into actor, draft and key, call the desk, and translate back."""

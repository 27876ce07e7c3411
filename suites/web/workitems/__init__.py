"""The Worklist service on the web (PS3.18 11, PS3.4 CC): workitems, their states, subscriptions and events."""

"""What PS3.18 demands of rendered and thumbnail resources (8.3.5, 8.7.4, 10.4)."""

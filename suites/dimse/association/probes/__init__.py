"""What is said to learn how associations are made, refused and ended. Must not know rules."""

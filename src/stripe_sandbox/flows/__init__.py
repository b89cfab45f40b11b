"""What happens when money moves: state changes with their events and timers."""

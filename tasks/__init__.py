"""Background work. The queue only wakes: rows know what is due, so deleting the queue loses nothing (DESIGN §4)."""

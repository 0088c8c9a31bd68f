"""What a box does by itself and on command, wired of guard, outputs and announcer."""

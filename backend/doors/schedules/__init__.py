"""Weekly hours, the days that are not what the calendar says, and for whom at which doors they go."""

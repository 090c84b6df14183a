"""The publication of a report: what it says, and its forms; for the extra `report`."""

//! Raises the capacity of a service, database or cache, never lowers it.

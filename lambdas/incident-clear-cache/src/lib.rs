//! Invalidates a cache namespace without harming its neighbours.

//! Tells people what happened and what is needed.

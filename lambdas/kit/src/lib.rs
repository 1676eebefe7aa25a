//! What every Lambda shares: clients, typed errors, configuration.

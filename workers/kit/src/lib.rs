//! What every activity worker shares: poll, heartbeat, drain.

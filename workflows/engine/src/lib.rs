//! The world around executions: store, timers, dispatch, activities, integrations.

//! Rolls the tasks of an ECS service.

//! Pure decision logic shared by Lambdas and workers.

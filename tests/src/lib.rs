//! End-to-end tests: real binaries, the AWS SDK as client.

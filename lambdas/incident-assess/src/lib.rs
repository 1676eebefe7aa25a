//! Reads what is true now: symptom, snapshot, diagnosis.

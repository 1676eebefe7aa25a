//! Values of the language: JSONPath, payload templates, intrinsics, choice rules, JSONata, variables.

"""Holds a JSON value against a shape of botocore's model, strictly."""

NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float)}


def check(shape, value, place="", seen=()):
    """Everything in which the value is not of the shape."""
    kind = shape.type_name
    here = place or "the answer"
    if kind == "structure":
        return structure(shape, value, place, here)
    if kind == "list":
        if not isinstance(value, list):
            return [f"{here} is no list: {value!r:.80}"]
        return [problem for index, item in enumerate(value) for problem in check(shape.member, item, f"{place}[{index}]")]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{here} is no map: {value!r:.80}"]
        return [problem for key, item in value.items() for problem in check(shape.value, item, f"{place}.{key}")]
    return scalar(shape, value, kind, here)


def structure(shape, value, place, here):
    if not isinstance(value, dict):
        return [f"{here} is no structure: {value!r:.80}"]
    prefix = f"{place}." if place else ""
    problems = [f"{prefix}{name} is missing" for name in shape.required_members if name not in value]
    for name, member in value.items():
        if name not in shape.members:
            problems.append(f"{prefix}{name} is no member of {shape.name}")
        elif member is None:
            problems.append(f"{prefix}{name} is null: it should be left out")
        else:
            problems.extend(check(shape.members[name], member, f"{prefix}{name}"))
    return problems


def scalar(shape, value, kind, here):
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{here} is no boolean: {value!r:.80}"]
    if kind == "timestamp":
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return [] if number and 1e9 < value < 1e11 else [f"{here} is no number of seconds since 1970: {value!r:.80}"]
    if kind in NUMBERS:
        number = isinstance(value, NUMBERS[kind]) and not isinstance(value, bool)
        return [] if number else [f"{here} is no {kind}: {value!r:.80}"]
    if not isinstance(value, str):
        return [f"{here} is no string: {value!r:.80}"]
    if shape.enum and value not in shape.enum:
        return [f"{here} is none of {shape.enum}: {value!r:.80}"]
    length, bounds = len(value), shape.metadata
    if length > bounds.get("max", length) or length < bounds.get("min", 0):
        return [f"{here} has {length} characters"]
    return []

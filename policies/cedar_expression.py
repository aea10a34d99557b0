"""The expression of a Cedar policy: its parts, and the keys and attributes that it reads."""

from collections.abc import Iterator

from cedarpy import pst


def context_keys(expr: pst.Expr) -> Iterator[str]:
    """The keys of the context that a policy reads; the whole of it used in any other way counts as all of them."""
    context = pst.Var("context")
    for node in walk(expr):
        match node:
            case pst.GetAttr(base=base, attr=name) if base == context:
                yield name
            case pst.HasAttr(base=base, attrs=names) if base == context:
                yield names[0]
            # counted as all: an unread key would be cut out of the schema, and its forbid skipped
            case _ if context in children(node):
                yield "*"


def param_keys(expr: pst.Expr) -> Iterator[str]:
    """The parameters that a policy reads; the whole record used in any other way counts as all of them."""
    params = pst.GetAttr(base=pst.Var("context"), attr="params")
    for node in walk(expr):
        match node:
            case pst.GetAttr(base=base, attr=name) if base == params:
                yield name
            case pst.HasAttr(base=base, attrs=names) if base == params:
                yield names[0]
            case pst.HasAttr(base=pst.Var(name="context"), attrs=("params", *_)):
                yield "*"
            case _ if params in children(node) or pst.Var("context") in children(node):
                if not isinstance(node, (pst.GetAttr, pst.HasAttr)):
                    yield "*"


def resource_attributes(expr: pst.Expr) -> Iterator[str]:
    """The attributes of the resource that a policy reads."""
    for node in walk(expr):
        if isinstance(node, pst.GetAttr) and node.base == pst.Var("resource"):
            yield node.attr


def walk(expr: pst.Expr) -> Iterator[pst.Expr]:
    """Every expression at or below `expr`."""
    # a stack and no recursion: a policy may nest deeper than Python calls
    stack: list[pst.Expr] = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(children(node))


def children(node: pst.Expr) -> list[pst.Expr]:
    """The expressions directly below one."""
    match node:
        case pst.UnaryOp():
            return [node.arg]
        case pst.BinaryOp():
            return [node.left, node.right]
        case pst.GetAttr() | pst.HasAttr() | pst.Like():
            return [node.base]
        case pst.Is():
            return [node.base, *([node.in_expr] if node.in_expr else [])]
        case pst.IfThenElse():
            return [node.cond, node.then_expr, node.else_expr]
        case pst.Set():
            return list(node.elements)
        case pst.Record():
            return list(node.fields.values())
        case _:
            return []

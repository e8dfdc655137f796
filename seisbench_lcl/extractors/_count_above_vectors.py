"""The inner loops of MiniRocket in LLVM's vector types, by way of private modules of numba.

LLVM's own vectoriser uses half of an AVX-512 register and widens masks to integers before it adds them, which makes
these loops, nearly all of the run time of MiniRocket, twice as slow. Vector types do not tie them to one machine: a CPU
with shorter registers uses several for each vector.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import binding, ir
from numba.core import config, types
from numba.core.cgutils import alloca_once_value, for_range_slice, get_or_insert_function, if_unlikely
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

_MASKED_ADD = "+avx512f" in (config.CPU_FEATURES or binding.get_host_cpu_features().flatten())
LANES = 32 if _MASKED_ADD else 16
"""Samples per step; the last step reads up to ``LANES − 1`` samples past the end of each array and ignores them."""

COLUMNS = LANES // 2
"""Columns that `count_columns` counts side by side: one register, so that counters stay in registers."""

_I32 = ir.IntType(32)


@intrinsic
def count_above(typingctx, k, base, first, x, a, b, c, n, biases, f, counts, g):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count as `seisbench_lcl.extractors._count_above.count_plain` does; k is a literal.

    Offsets stand in for slices, whose reference counts would cost more time than the loop over a short one.
    """
    if not isinstance(k, types.IntegerLiteral):
        raise RequireLiteralValue(k)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data = _pointers(context, builder, signature, arguments)
        signals = [data(1, 2), data(3, 4), data(3, 5), data(3, 6)]
        n, count_data = arguments[7], data(10, 11)
        comparison = _Comparison.of(builder, k.literal_value, data(8, 9), LANES)

        def at(t: ir.Value) -> ir.Value:
            return comparison.convolved([builder.gep(signal, [t]) for signal in signals])

        whole = builder.and_(n, ir.Constant(n.type, -LANES))
        with for_range_slice(builder, ir.Constant(n.type, 0), whole, ir.Constant(n.type, LANES)) as (t, _):
            comparison.add(at(t))
        with if_unlikely(builder, builder.icmp_signed("<", whole, n)):
            left = _splat(builder, builder.trunc(builder.sub(n, whole), _I32), comparison.ints)
            inside = builder.icmp_signed("<", ir.Constant(comparison.ints, list(range(LANES))), left)
            comparison.add(at(whole), inside)

        add_up = get_or_insert_function(
            builder.module, ir.FunctionType(_I32, [comparison.ints]), f"llvm.vector.reduce.add.v{LANES}i32"
        )
        for j, counter in enumerate(comparison.counters):
            total = builder.gep(count_data, [_I32(j)])
            builder.store(builder.add(builder.load(total), builder.call(add_up, [builder.load(counter)])), total)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(k, base, i64, x, i64, i64, i64, i64, biases, i64, counts, i64), codegen


@intrinsic
def count_columns(typingctx, k, base, first, x, a, b, c, pitch, part, whole, biases, f, counts, g, h):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count as `seisbench_lcl.extractors._count_above.count_columns_plain` does; k is a literal."""
    if not isinstance(k, types.IntegerLiteral):
        raise RequireLiteralValue(k)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data = _pointers(context, builder, signature, arguments)
        signals = [data(1, 2), data(3, 4), data(3, 5), data(3, 6)]
        pitch, part, whole, count_data, h = arguments[7], arguments[8], arguments[9], data(12, 13), arguments[14]
        comparison = _Comparison.of(builder, k.literal_value, data(10, 11), COLUMNS)
        zero, one = ir.Constant(pitch.type, 0), ir.Constant(pitch.type, 1)
        for which, (start, end) in enumerate(((zero, part), (part, whole))):
            with for_range_slice(builder, start, end, one) as (t, _):
                row = builder.mul(t, pitch)
                comparison.add(comparison.convolved([builder.gep(signal, [row]) for signal in signals]))
            for j, counter in enumerate(comparison.counters):
                offset = builder.mul(h, ir.Constant(h.type, 2 * j + which))
                into = builder.bitcast(builder.gep(count_data, [offset]), comparison.ints.as_pointer())
                builder.store(builder.load(counter), into, align=4)
        return context.get_dummy_value()

    i64 = types.int64
    given = k, base, i64, x, i64, i64, i64, i64, i64, i64, biases, i64, counts, i64, i64
    return types.void(*given), codegen


@intrinsic
def sum_rows(typingctx, width, parts, first, pitch, rows, n_rows, scale, n, total, start):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Sum as `seisbench_lcl.extractors._count_above.sum_rows_plain` does.

    The width, a literal, is that of the sums in registers; n is a multiple of it.
    """
    if not isinstance(width, types.IntegerLiteral):
        raise RequireLiteralValue(width)
    lanes = width.literal_value

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        floats = ir.VectorType(ir.FloatType(), lanes)
        data = _pointers(context, builder, signature, arguments)
        part, into = data(1, 2), data(8, 9)
        pitch, n_rows, n = arguments[3], arguments[5], arguments[7]
        rows = context.make_array(signature.args[4])(context, builder, arguments[4]).data
        scale = _splat(builder, arguments[6], floats)
        i64 = n.type
        zero, one = ir.Constant(i64, 0), ir.Constant(i64, 1)
        sum_ = alloca_once_value(builder, ir.Constant(floats, [0.0] * lanes))
        with for_range_slice(builder, zero, n, ir.Constant(i64, lanes)) as (t, _):

            def load(row: ir.Value) -> ir.Value:
                at = builder.add(builder.mul(builder.load(builder.gep(rows, [row])), pitch), t)
                return builder.load(builder.bitcast(builder.gep(part, [at]), floats.as_pointer()), align=4)

            builder.store(load(zero), sum_)
            with for_range_slice(builder, one, n_rows, one) as (row, _):
                builder.store(builder.fadd(builder.load(sum_), load(row)), sum_)
            target = builder.bitcast(builder.gep(into, [t]), floats.as_pointer())
            builder.store(builder.fmul(builder.load(sum_), scale), target, align=4)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(width, parts, i64, i64, rows, i64, types.float32, i64, total, i64), codegen


class _Comparison(NamedTuple):
    """A vector compared with k biases, each with a counter per lane."""

    builder: ir.IRBuilder
    biases: list[ir.Value]
    counters: list[ir.Value]
    step: ir.Value
    floats: ir.VectorType
    ints: ir.VectorType

    @classmethod
    def of(cls, builder: ir.IRBuilder, k: int, biases: ir.Value, lanes: int) -> "_Comparison":
        floats, ints = ir.VectorType(ir.FloatType(), lanes), ir.VectorType(_I32, lanes)
        # A −1 that LLVM cannot see through: it would undo the subtraction under a mask, one instruction of AVX-512.
        step = builder.asm(ir.FunctionType(_I32, [_I32]), "", "=r,0", [_I32(-1)], False)
        return cls(
            builder,
            [_splat(builder, builder.load(builder.gep(biases, [_I32(j)])), floats) for j in range(k)],
            [alloca_once_value(builder, ir.Constant(ints, [0] * lanes)) for _ in range(k)],
            _splat(builder, step, ints),
            floats,
            ints,
        )

    def convolved(self, pointers: list[ir.Value]) -> ir.Value:
        """Add what lies at four pointers, from left to right."""
        builder = self.builder
        output, *taps = (
            builder.load(builder.bitcast(pointer, self.floats.as_pointer()), align=4) for pointer in pointers
        )
        for tap in taps:
            output = builder.fadd(output, tap)
        return output

    def add(self, output: ir.Value, inside: ir.Value | None = None) -> None:
        """Count in which lanes an output is above each bias."""
        builder = self.builder
        for bias, counter in zip(self.biases, self.counters, strict=True):
            above = builder.fcmp_ordered(">", output, bias)
            if inside is not None:
                above = builder.and_(above, inside)
            count = builder.load(counter)
            if _MASKED_ADD:
                count = builder.select(above, builder.sub(count, self.step), count)
            else:
                count = builder.sub(count, builder.sext(above, self.ints))  # true is −1
            builder.store(count, counter)


def _pointers(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Callable[[int, int], ir.Value]:
    """Return what gives the address of an argument's element, whose index is another argument."""

    def data(array: int, start: int) -> ir.Value:
        pointer = context.make_array(signature.args[array])(context, builder, arguments[array]).data
        return builder.gep(pointer, [arguments[start]])

    return data


def _splat(builder: ir.IRBuilder, value: ir.Value, kind: ir.VectorType) -> ir.Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, _I32(0))
    lanes = ir.Constant(ir.VectorType(_I32, kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, undefined, lanes)

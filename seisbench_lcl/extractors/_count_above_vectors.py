"""The inner loop of MiniRocket in LLVM's vector types, by way of private modules of numba.

LLVM's own vectoriser uses half of an AVX-512 register and widens masks to integers before it adds them, which makes
this loop, nearly all of the run time of MiniRocket, twice as slow. Vector types do not tie it to one machine: a CPU
with shorter registers uses several for each vector.
"""

from typing import Any

from llvmlite import binding, ir
from numba.core import config, types
from numba.core.cgutils import alloca_once_value, for_range_slice, get_or_insert_function, if_unlikely
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

_MASKED_ADD = "+avx512f" in (config.CPU_FEATURES or binding.get_host_cpu_features().flatten())
LANES = 32 if _MASKED_ADD else 16
"""Samples per step; the last step reads up to ``LANES − 1`` samples past the end of each array and ignores them."""

_I32 = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(_I32, LANES)


@intrinsic
def count_above(typingctx, k, base, first, x, a, b, c, n, biases, f, counts, g):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count as `seisbench_lcl.extractors._count_above.count_plain` does; k is a literal.

    Offsets stand in for slices, whose reference counts would cost more time than the loop over a short one.
    """
    if not isinstance(k, types.IntegerLiteral):
        raise RequireLiteralValue(k)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        def data(array: int, start: int) -> ir.Value:
            pointer = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.gep(pointer, [arguments[start]])

        def vector(pointer: ir.Value, t: ir.Value) -> ir.Value:
            return builder.load(builder.bitcast(builder.gep(pointer, [t]), _FLOATS.as_pointer()), align=4)

        def splat(value: ir.Value, kind: ir.VectorType) -> ir.Value:
            undefined = ir.Constant(kind, ir.Undefined)
            first = builder.insert_element(undefined, value, _I32(0))
            return builder.shuffle_vector(first, undefined, ir.Constant(_INTS, [0] * LANES))

        signals = [data(1, 2), data(3, 4), data(3, 5), data(3, 6)]
        n, bias_data, count_data = arguments[7], data(8, 9), data(10, 11)
        biases = [splat(builder.load(builder.gep(bias_data, [_I32(j)])), _FLOATS) for j in range(k.literal_value)]
        counters = [alloca_once_value(builder, ir.Constant(_INTS, [0] * LANES)) for _ in biases]
        # A −1 that LLVM cannot see through: it would undo the subtraction under a mask, one instruction of AVX-512.
        step = splat(builder.asm(ir.FunctionType(_I32, [_I32]), "", "=r,0", [_I32(-1)], False), _INTS)

        def compare(t: ir.Value, inside: ir.Value | None = None) -> None:
            output = vector(signals[0], t)
            for signal in signals[1:]:
                output = builder.fadd(output, vector(signal, t))
            for bias, counter in zip(biases, counters, strict=True):
                above = builder.fcmp_ordered(">", output, bias)
                if inside is not None:
                    above = builder.and_(above, inside)
                count = builder.load(counter)
                if _MASKED_ADD:
                    count = builder.select(above, builder.sub(count, step), count)
                else:
                    count = builder.sub(count, builder.sext(above, _INTS))  # true is −1
                builder.store(count, counter)

        whole = builder.and_(n, ir.Constant(n.type, -LANES))
        with for_range_slice(builder, ir.Constant(n.type, 0), whole, ir.Constant(n.type, LANES)) as (t, _):
            compare(t)
        with if_unlikely(builder, builder.icmp_signed("<", whole, n)):
            left = splat(builder.trunc(builder.sub(n, whole), _I32), _INTS)
            compare(whole, builder.icmp_signed("<", ir.Constant(_INTS, list(range(LANES))), left))

        add_up = get_or_insert_function(
            builder.module, ir.FunctionType(_I32, [_INTS]), f"llvm.vector.reduce.add.v{LANES}i32"
        )
        for j, counter in enumerate(counters):
            total = builder.gep(count_data, [_I32(j)])
            builder.store(builder.add(builder.load(total), builder.call(add_up, [builder.load(counter)])), total)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(k, base, i64, x, i64, i64, i64, i64, biases, i64, counts, i64), codegen

"""Assignment solvers for Python beside ours: SciPy, lap, lapx, lapjv, those that are installed.

Speaks JSON, a line each way. First the solvers go out. {"size": n} is followed by a matrix, n * n float32 numbers, and
answered by {}; {"solve": name, "count": k} solves it k times, and is answered with the milliseconds of all together and
the cost of the pairing in float64. Every solver gets the matrix in the precision that it works in, so that no
conversion is timed.
"""

import json
import sys
import time

import numpy as np

solvers, versions, precisions = {}, {}, {}


def offer(name, solve, version, precision):
    solvers[name], versions[name], precisions[name] = solve, version, precision


try:
    import scipy
    from scipy.optimize import linear_sum_assignment

    offer("SciPy", lambda cost: linear_sum_assignment(cost)[1], scipy.__version__, "float64")
except ImportError:
    pass
try:
    import lap  # two packages have this name, lap and its successor lapx

    if hasattr(lap, "lapjvs"):
        offer("lapx", lambda cost: lap.lapjvs(cost, return_cost=False)[1], lap.__version__, "float32")
    else:
        offer("lap", lambda cost: lap.lapjv(cost, return_cost=False)[0], lap.__version__, "float64")
except ImportError:
    pass
try:
    import lapjv
    from importlib.metadata import version

    offer("lapjv", lambda cost: lapjv.lapjv(cost)[0], version("lapjv"), "float32")
except ImportError:
    pass

print(json.dumps([{"name": n, "version": versions[n], "precision": precisions[n]} for n in solvers]), flush=True)
matrices = {}
while line := sys.stdin.buffer.readline():
    request = json.loads(line)
    if "size" in request:
        n = request["size"]
        exact = np.frombuffer(sys.stdin.buffer.read(4 * n * n), "<f4").reshape(n, n)
        matrices = {"float32": exact.copy()}
        if "float64" in precisions.values():
            matrices["float64"] = exact.astype(np.float64)
        print("{}", flush=True)
        continue
    name = request["solve"]
    solve, cost = solvers[name], matrices[precisions[name]]
    start = time.perf_counter()
    for _ in range(request["count"]):
        columns = solve(cost)
    milliseconds = 1000 * (time.perf_counter() - start)
    columns = np.asarray(columns)
    total = matrices["float32"][np.arange(len(columns)), columns].astype(np.float64).sum()
    fair = len(set(columns.tolist())) == len(columns)
    print(json.dumps({"milliseconds": milliseconds, "cost": float(total) if fair else None}), flush=True)

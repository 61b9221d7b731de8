/* One training step of Basic with relu and mean squared error, by hand: what the same arithmetic
   costs when nothing stands in its way. Trials are divided over threads; arrays of a thread are
   [unit][trial], with trials padded to whole vectors. No noise, no constraints.

   M = [[a W_rec, a W_in, a b_rec], [W_out, 0, b_out]] drives the column [relu(s); x_t; 1], as in
   psychrnn/backend/fused_loop.py. */

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 16
typedef float vec __attribute__((vector_size(4 * WIDTH), aligned(4)));

/* ROWS rows of C[.., 2 * WIDTH] (+)= A[ROWS][inner] * B[inner][..] */
#define TILE(ROWS)                                                                             \
    static void tile##ROWS(float *C, const float *A, const float *B, int inner, int row_a,     \
                           int row_b, int row_c, int add)                                      \
    {                                                                                          \
        vec sum[ROWS][2];                                                                      \
        for (int r = 0; r < ROWS; r++)                                                         \
            for (int h = 0; h < 2; h++)                                                        \
                sum[r][h] = add ? *(vec *)(C + r * row_c + h * WIDTH) : (vec){0};              \
        for (int k = 0; k < inner; k++) {                                                      \
            vec b0 = *(const vec *)(B + k * row_b), b1 = *(const vec *)(B + k * row_b + WIDTH); \
            for (int r = 0; r < ROWS; r++) {                                                   \
                sum[r][0] += A[r * row_a + k] * b0;                                            \
                sum[r][1] += A[r * row_a + k] * b1;                                            \
            }                                                                                  \
        }                                                                                      \
        for (int r = 0; r < ROWS; r++)                                                         \
            for (int h = 0; h < 2; h++)                                                        \
                *(vec *)(C + r * row_c + h * WIDTH) = sum[r][h];                               \
    }
TILE(1) TILE(2) TILE(4) TILE(8)

static void product(float *C, const float *A, const float *B, int rows, int inner, int columns,
                    int row_a, int add)
{
    for (int c = 0; c < columns; c += 2 * WIDTH) {
        int r = 0;
        for (; r + 8 <= rows; r += 8)
            tile8(C + r * columns + c, A + r * row_a, B + c, inner, row_a, columns, columns, add);
        for (; r + 4 <= rows; r += 4)
            tile4(C + r * columns + c, A + r * row_a, B + c, inner, row_a, columns, columns, add);
        for (; r + 2 <= rows; r += 2)
            tile2(C + r * columns + c, A + r * row_a, B + c, inner, row_a, columns, columns, add);
        for (; r < rows; r++)
            tile1(C + r * columns + c, A + r * row_a, B + c, inner, row_a, columns, columns, add);
    }
}

static void transpose(float *to, const float *from, int rows, int columns, int row_to)
{
    for (int c = 0; c < columns; c++)
        for (int r = 0; r < rows; r++)
            to[c * row_to + r] = from[r * columns + c];
}

static float *zeros(size_t n)
{
    float *p = aligned_alloc(64, (n * 4 + 63) / 64 * 64);
    memset(p, 0, n * 4);
    return p;
}

/* Forward and backward pass of some trials. x, y, mask: [trials][steps][channels]; dM is
   [rows][padded columns] and d_start [units], both added to. Returns the sum of squares. */
static double part(const float *M, const float *start, const float *x, const float *y,
                   const float *mask, int trials, int steps, int units, int in, int out,
                   float alpha, float scale, float *dM, float *d_start)
{
    int rows = units + out, inner = units + in + 1, wide = 2 * WIDTH;
    int n = (trials + wide - 1) / wide * wide, padded = (inner + wide - 1) / wide * wide;
    float *S = zeros((size_t)(steps + 1) * units * n), *O = zeros((size_t)(steps + 1) * out * n);
    float *column = zeros(inner * n), *p = zeros(rows * n), *q = zeros(rows * n);
    float *turned = zeros(n * padded), *back = zeros(inner * rows), *delta = zeros(units * n);
    float keep = 1 - alpha;
    double loss = 0;
    for (int u = 0; u < units; u++)
        for (int b = 0; b < trials; b++) S[u * n + b] = start[u];
    for (int t = 0; t <= steps; t++) { /* the last turn only reads out */
        float *s = S + (size_t)t * units * n, *next = s + units * n;
        for (int i = 0; i < units * n; i++) column[i] = s[i] > 0 ? s[i] : 0;
        for (int k = 0; k < in; k++)
            for (int b = 0; b < trials; b++)
                column[(units + k) * n + b] = t < steps ? x[(b * steps + t) * in + k] : 0;
        for (int b = 0; b < trials; b++) column[(units + in) * n + b] = 1;
        product(p, M, column, rows, inner, n, inner, 0);
        memcpy(O + (size_t)t * out * n, p + units * n, 4 * out * n);
        if (t < steps)
            for (int i = 0; i < units * n; i++) next[i] = keep * s[i] + p[i];
    }
    transpose(back, M, rows, inner, rows); /* only its first rows, those of the units, are used */
    for (int t = steps; t >= 0; t--) {
        float *s = S + (size_t)t * units * n;
        for (int i = 0; i < units * n; i++) column[i] = s[i] > 0 ? s[i] : 0;
        for (int k = 0; k < in; k++)
            for (int b = 0; b < trials; b++)
                column[(units + k) * n + b] = t < steps ? x[(b * steps + t) * in + k] : 0;
        memcpy(q, delta, 4 * units * n);
        for (int k = 0; k < out; k++)
            for (int b = 0; b < trials; b++) {
                float e = 0;
                if (t > 0) {
                    int at = (b * steps + t - 1) * out + k;
                    float m = mask[at], d = m * (O[(t * out + k) * n + b] - y[at]);
                    loss += (double)d * d;
                    e = scale * m * d;
                }
                q[(units + k) * n + b] = e;
            }
        transpose(turned, column, inner, n, padded);
        product(dM, q, turned, rows, n, padded, n, 1);
        product(p, back, q, units, rows, n, rows, 0);
        for (int i = 0; i < units * n; i++) delta[i] = keep * delta[i] + (s[i] > 0 ? p[i] : 0);
    }
    for (int u = 0; u < units; u++)
        for (int b = 0; b < trials; b++) d_start[u] += delta[u * n + b];
    free(S), free(O), free(column), free(p), free(q), free(turned), free(back), free(delta);
    return loss;
}

/* One update. weights: W_rec, W_in, W_out, b_rec, b_out, start in one array; m, v: memory of Adam.
   gradient: room for the gradient, in the same order. Returns the loss. */
double update(float *weights, float *m, float *v, float *gradient, int number, const float *x,
              const float *y, const float *mask, int trials, int steps, int units, int in, int out,
              float alpha, float rate, int threads)
{
    int rows = units + out, inner = units + in + 1, wide = 2 * WIDTH;
    int padded = (inner + wide - 1) / wide * wide;
    int sizes[6] = {units * units, units * in, out * units, units, out, units};
    float *W = weights, *W_in = W + sizes[0], *W_out = W_in + sizes[1], *b = W_out + sizes[2];
    float *b_out = b + units, *start = b_out + out;
    /* transpose() of M reads whole rows, so M is [rows][inner] */
    float *M = zeros(rows * inner);
    for (int i = 0; i < units; i++) {
        for (int j = 0; j < units; j++) M[i * inner + j] = alpha * W[i * units + j];
        for (int j = 0; j < in; j++) M[i * inner + units + j] = alpha * W_in[i * in + j];
        M[i * inner + units + in] = alpha * b[i];
    }
    for (int i = 0; i < out; i++) {
        memcpy(M + (units + i) * inner, W_out + i * units, 4 * units);
        M[(units + i) * inner + units + in] = b_out[i];
    }
    float **dM = malloc(threads * sizeof *dM), **d_start = malloc(threads * sizeof *d_start);
    double loss = 0, count = (double)trials * steps * out;
#pragma omp parallel for num_threads(threads) reduction(+ : loss) schedule(static, 1)
    for (int k = 0; k < threads; k++) {
        int from = trials * k / threads, to = trials * (k + 1) / threads;
        size_t first = (size_t)from * steps;
        dM[k] = zeros(rows * padded), d_start[k] = zeros(units);
        loss += part(M, start, x + first * in, y + first * out, mask + first * out, to - from,
                     steps, units, in, out, alpha, 2 / count, dM[k], d_start[k]);
    }
    for (int k = 1; k < threads; k++) {
        for (int i = 0; i < rows * padded; i++) dM[0][i] += dM[k][i];
        for (int i = 0; i < units; i++) d_start[0][i] += d_start[k][i];
    }
    float *g = gradient;
    for (int i = 0; i < units; i++)
        for (int j = 0; j < units; j++) *g++ = alpha * dM[0][i * padded + j];
    for (int i = 0; i < units; i++)
        for (int j = 0; j < in; j++) *g++ = alpha * dM[0][i * padded + units + j];
    for (int i = 0; i < out; i++)
        for (int j = 0; j < units; j++) *g++ = dM[0][(units + i) * padded + j];
    for (int i = 0; i < units; i++) *g++ = alpha * dM[0][i * padded + units + in];
    for (int i = 0; i < out; i++) *g++ = dM[0][(units + i) * padded + units + in];
    memcpy(g, d_start[0], 4 * units);
    float step = rate * sqrt(1 - pow(0.999, number)) / (1 - pow(0.9, number));
    for (int k = 0, at = 0; k < 6; at += sizes[k++]) {
        double norm = 0;
        for (int i = at; i < at + sizes[k]; i++) norm += (double)gradient[i] * gradient[i];
        float shrink = norm > 1 ? 1 / sqrt(norm) : 1;
        for (int i = at; i < at + sizes[k]; i++) {
            float d = shrink * gradient[i];
            m[i] = 0.9f * m[i] + 0.1f * d, v[i] = 0.999f * v[i] + 0.001f * d * d;
            weights[i] -= step * m[i] / (sqrtf(v[i]) + 1e-8f);
        }
    }
    for (int k = 0; k < threads; k++) free(dM[k]), free(d_start[k]);
    free(dM), free(d_start), free(M);
    return loss / count;
}

/* A line chart as SVG: axes from zero, round marks, one colour a series, a legend. */
#include "tools/pagesim/sim.h"

enum { WIDTH = 760, HEIGHT = 460, LEFT = 80, RIGHT = 150, TOP = 40, BOTTOM = 56 };

static const char *const colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b",
                                      "#e377c2", "#17becf", "#bcbd22", "#7f7f7f", "#000000"};

/* 1, 2 or 5 times a power of ten, so that about five marks reach @most. */
static double round_step(double most) {
    double step = 1;

    while (step * 10 < most / 2)
        step *= 10;
    while (most / step > 6)
        step *= most / (2 * step) <= 6 ? 2 : most / (5 * step) <= 6 ? 5 : 10;
    return step;
}

static double place_x(double x, double low, double high) {
    return LEFT + (x - low) / (high > low ? high - low : 1) * (WIDTH - LEFT - RIGHT);
}

static double place_y(double y, double most) {
    return HEIGHT - BOTTOM - y / (most > 0 ? most : 1) * (HEIGHT - TOP - BOTTOM);
}

static void draw_axes(FILE *out, const struct plot *plot, double low, double high, double most) {
    double step = round_step(most);

    for (double y = 0; y <= most; y += step) {
        fprintf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", LEFT,
                WIDTH - RIGHT, place_y(y, most), place_y(y, most));
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n", LEFT - 6,
                place_y(y, most) + 4, y);
    }
    step = round_step(high);
    for (double x = step * (int)((low + step - 1) / step); x <= high; x += step)
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", place_x(x, low, high),
                HEIGHT - BOTTOM + 18, x);
    fprintf(out, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#000\"/>\n", LEFT, TOP, HEIGHT - BOTTOM,
            WIDTH - RIGHT);
    fprintf(out, "<text x=\"%d\" y=\"22\" font-weight=\"bold\">%s</text>\n", LEFT, plot->title);
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 14, plot->x_label);
    fprintf(out, "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2, plot->y_label);
}

static void draw_series(FILE *out, const struct plot *plot, unsigned s, double low, double high,
                        double most) {
    const char *colour = colours[s % ARRAY_SIZE(colours)];
    int y = TOP + 14 + 20 * (int)s;

    fprintf(out, "<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"%s\"%s points=\"", colour,
            s >= ARRAY_SIZE(colours) ? " stroke-dasharray=\"5 3\"" : "");
    for (unsigned i = 0; i < plot->points; i++)
        fprintf(out, "%.1f,%.1f ", place_x(plot->x[i], low, high), place_y(plot->y[s][i], most));
    fputs("\"/>\n", out);
    fprintf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke-width=\"3\" stroke=\"%s\"/>\n",
            WIDTH - RIGHT + 16, WIDTH - RIGHT + 40, y - 4, y - 4, colour);
    fprintf(out, "<text x=\"%d\" y=\"%d\">%s</text>\n", WIDTH - RIGHT + 46, y, plot->names[s]);
}

void plot_svg(FILE *out, const struct plot *plot) {
    double low = plot->x[0], high = plot->x[plot->points - 1], most = 0;

    for (unsigned s = 0; s < plot->series; s++)
        for (unsigned i = 0; i < plot->points; i++)
            most = MAX(most, (double)plot->y[s][i]);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"13\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    draw_axes(out, plot, low, high, most);
    for (unsigned s = 0; s < plot->series; s++)
        draw_series(out, plot, s, low, high, most);
    fputs("</svg>\n", out);
}

"""The review page on Panel and Bokeh."""

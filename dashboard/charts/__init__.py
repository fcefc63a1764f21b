"""Charts: frames in, Plotly figures out. No Streamlit, no query, no clock."""

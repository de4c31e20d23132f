"""The notebooks: what their cells call and show, and JupyterLab with the learner's copies."""

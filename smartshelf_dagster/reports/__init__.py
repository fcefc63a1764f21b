"""Business reports: what they say of figures that were published, and how they look.

Pure: no lake, no clock. Belongs here: choosing, sentences, pages. Does not belong here: any figure
of sales or stock, which the models of `dbt_project/models/analytics` reckon.
"""

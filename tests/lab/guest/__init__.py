"""What runs inside a lab guest. Nothing here is imported by the lab: these files are copied into the job."""

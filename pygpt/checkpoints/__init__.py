"""Models as folders: pygpt's and Hugging Face's, in safetensors."""

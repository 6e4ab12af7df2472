# docker build -t cartoons . && docker run -p 7860:7860 --read-only --tmpfs /tmp cartoons
FROM python:3.12-slim
WORKDIR /page
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt && useradd --no-create-home page
COPY app.py ./
COPY cartoons cartoons
COPY examples examples
COPY model model
USER page
ENV GRADIO_SERVER_NAME=0.0.0.0 HF_HOME=/tmp/hub PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK CMD python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/healthz', timeout=5)"
STOPSIGNAL SIGTERM
CMD ["python", "app.py"]
